-- After it nothing is left, and the engine works on as one that was installed just now.
begin;
select plan(6);
\ir ../prelude.psql

select pg_temp.put('ran'), pg_temp.put('waits', '{"correlation_key": "k"}');
select is(pg_temp.pick(1), 'ran', 'something runs');
select pg_temp.commit('ran', 'done');
select gd_set_rate_limit('r', 1, '1 hour');
select gd_schedule('s', '0 3 * * *', 'M');
create function pg_temp.left_over() returns text language plpgsql as $$
declare
    v_table text;
    v_rows  bigint;
    v_left  text := '';
begin
    for v_table in
        select c.oid::regclass::text from pg_catalog.pg_class as c
        where c.relnamespace = 'gendurable'::regnamespace and c.relkind = 'r'
    loop
        execute 'select count(*) from ' || v_table into v_rows;
        v_left := v_left || case when v_rows > 0 then v_table || ' ' else '' end;
    end loop;
    return v_left;
end
$$;
select cmp_ok(length(pg_temp.left_over()), '>', 200, 'there is something in many tables');
select gendurable._flush();
select is(pg_temp.left_over(), '', 'nothing is left');
select is((select count(*) from gd_instances), 0::bigint, 'to be seen either');

select gd_enqueue('M', correlation_key => 'k');
select is((select count(*) from gd_pick((select gd_register('again')), 'default', 10)), 1::bigint,
    'what is enqueued now is picked');
select cmp_ok((select min(id) from gd_instances), '>', 2::bigint, 'under a new id');

select * from finish();
rollback;
