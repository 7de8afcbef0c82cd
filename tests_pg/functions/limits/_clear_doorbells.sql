-- Doorbells are used up, but for one of each key that is to be looked at again.
begin;
select plan(6);

create function pg_temp.bells() returns text language sql as $$
    select string_agg(format('%s:%s', d.kind, d.key), ' ' order by d.kind, d.key) from gendurable.doorbells as d
$$;
create function pg_temp.rings(p_kind text) returns tid[] language sql as $$
    select array_agg(d.ctid) from gendurable.doorbells as d where d.kind::text = p_kind
$$;
insert into gendurable.doorbells (kind, key) values ('slot', 'a'), ('slot', 'a'), ('slot', 'b'), ('slot', 'b'),
    ('slot', 'c'), ('tokens', 'a');
select pg_temp.rings('slot') as seen,
    (select min(d.ctid) from gendurable.doorbells as d where d.key = 'b') as kept \gset
insert into gendurable.doorbells (kind, key) values ('slot', 'c');
select gendurable._clear_doorbells('slot', :'seen', '{b,d,d}') \g /dev/null
select is(pg_temp.bells(), 'slot:b slot:c slot:d tokens:a',
    'the others are gone, those of other keys are not; a key that had none has one');
select is((select d.ctid from gendurable.doorbells as d where d.key = 'b'), :'kept'::tid,
    'one that stays is not moved');
select gendurable._clear_doorbells('slot', pg_temp.rings('slot'), null) \g /dev/null
select is(pg_temp.bells(), 'tokens:a', 'nothing is to be looked at again');
select gendurable._clear_doorbells('tokens', null, '{a,e}') \g /dev/null
select is(pg_temp.bells(), 'tokens:a tokens:a tokens:e', 'nothing was seen: each has one for this');

-- Many that stay are put off.
delete from gendurable.doorbells;
insert into gendurable.doorbells (kind, key, run) select 'slot', 'k' || n, 7 from generate_series(1, 500) as n;
select gendurable._clear_doorbells('slot', pg_temp.rings('slot'), '{k1,k2}') \g /dev/null
select is(pg_temp.bells(), 'slot:k1 slot:k2', 'also of many those stay that are to be looked at again');
select is((select min(d.run) from gendurable.doorbells as d), gendurable._run(pg_current_xact_id()),
    'but behind those that others have rung');

select * from finish();
rollback;
