-- The kinds that a worker can run.
begin;
select plan(7);
create function pg_temp.kinds(worker bigint, wanted text default 'q') returns text language sql as $$
    select string_agg(k.fsm || k.fsm_version || k.step, ' ' order by k.id) from gendurable.kinds as k
        where k.id = any (array(select gendurable._kinds(worker, wanted)))
$$;
select gendurable._kind('q', 'f', 1, 'a'), gendurable._kind('q', 'f', 1, 'b'), gendurable._kind('q', 'f', 2, 'a'),
    gendurable._kind('q', 'g', 1, 'a'), gendurable._kind('r', 'f', 1, 'a') \g /dev/null
select gd_register('any', '{q,r}') as any,
    gd_register('some', '{q}',
        info => '{"machines": [{"fsm": "f", "version": 1, "steps": ["b", "c"]}, {"fsm": "g", "version": 1}]}') as some,
       gd_register('none', '{q}', info => '{"machines": []}') as none \gset
select is(pg_temp.kinds(:any), 'f1a f1b f2a g1a', 'all of a queue, for one that declares nothing');
select is(pg_temp.kinds(:any, 'r'), 'f1a', 'of another queue others');
select is(pg_temp.kinds(:any, 's'), null, 'none where nothing ever waited');
select is(pg_temp.kinds(:some), 'f1b g1a', 'the versions and steps that it declares');
select is(pg_temp.kinds(:some, 'r'), null, 'of no other version or step');
select gendurable._kind('q', 'f', 1, 'c') \g /dev/null
select is(pg_temp.kinds(:some), 'f1b g1a f1c', 'one that has just come');
select is(pg_temp.kinds(:none), null, 'one that declares none can run none');
select * from finish();
rollback;
