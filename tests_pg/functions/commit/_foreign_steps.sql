-- Which moves lead to a step that the worker does not declare.
begin;
select plan(5);
create function pg_temp.move(ord int, fsm text, version int, step text, may boolean default true)
    returns gendurable.move
language sql immutable return row(ord, 'q', 0, false, null, may, fsm, version, step)::gendurable.move;
create function pg_temp.foreign_steps(worker bigint) returns text language sql as $$
    select (select array_agg(f order by f)
        from unnest(gendurable._foreign_steps(worker,
            array[pg_temp.move(1, 'f', 1, 'a'), pg_temp.move(2, 'f', 1, 'b'), pg_temp.move(3, 'f', 2, 'b'),
        pg_temp.move(4, 'g', 1, 'any'), pg_temp.move(5, 'h', 1, 'a'), pg_temp.move(6, 'h', 1, 'a')])) as f)::text
$$;
select gd_register('any', '{q}') as any, gd_register('none', '{q}', info => '{"machines": []}') as none,
       gd_register('some', '{q}',
           info => '{"machines": [{"fsm": "f", "version": 1, "steps": ["b"]}, {"fsm": "g", "version": 1}]}')
       as some \gset
select is(pg_temp.foreign_steps(:any), null, 'none for one that declares nothing');
select is(pg_temp.foreign_steps(:some), '{1,3,5,6}', 'those of other steps, versions and machines');
select is(pg_temp.foreign_steps(:none), '{1,2,3,4,5,6}', 'all for one that declares none');
select is(pg_temp.foreign_steps(0), '{1,2,3,4,5,6}',
    'all for a worker that is gone: it was forgotten since its commit began');
select is(gendurable._foreign_steps(:some, '{}'), '{}'::int[], 'of none, none');
select * from finish();
rollback;
