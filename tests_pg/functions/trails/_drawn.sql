-- Whose trails move: by lot, and in proportion to the root of the claims.
begin;
select plan(4);

select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', case when n <= 100 then 'many' else 'few' end))
    from generate_series(1, 101) as n)) \g /dev/null
create temp table turn as
select d.ids from generate_series(1, 3000) as g cross
    join lateral (select gendurable._drawn(array(select i.id from gendurable.instances as i where g > 0)) as ids) as d;
create function pg_temp.share(p_fsm text) returns float8 language sql as $$
    select (count(*) filter (
        where (select min(i.id) from gendurable.instances as i where i.fsm = p_fsm) = any (t.ids)))::float8 / 3000 * 101
        / 300 from turn as t
$$;

select ok(pg_temp.share('many') between 0.15 and 0.25, 'a kind of a hundred claims about once in five picks');
select ok(pg_temp.share('few') between 0.01 and 0.03, 'one of a single claim once in fifty');
select is((select count(*) from turn as t
    where 0 < (select count(*) from gendurable.instances as i where i.fsm = 'many' and i.id = any (t.ids))
                                              and 100 > (select count(*) from gendurable.instances as i
                                                  where i.fsm = 'many' and i.id = any (t.ids))), 0::bigint,
                                                  'with all its claims');
select is(gendurable._drawn('{}'), null, 'of nothing none');

select * from finish();
rollback;
