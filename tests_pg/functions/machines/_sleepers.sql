-- The workers that sleep and can run one of some kinds.
begin;
select plan(12);

create function pg_temp.sleeps(p_queue text, p_kinds int[]) returns boolean language sql as $$
    select exists (select from gendurable._sleepers(p_queue, p_kinds)) $$;

insert into gendurable.kinds (id, queue, fsm, fsm_version, step) overriding system value
values (1, 'q', 'm', 1, 'a'), (2, 'q', 'm', 2, 'a'), (3, 'q', 'm', 2, 'b'), (4, 'other', 'm', 2, 'a'),
    (5, 'q', 'n', 2, 'a'), (6, 'q', 'n', 2, 'z');
select gd_register('all', '{q}') as everything,
    gd_register('some', '{q}',
        info => '{"machines": [{"fsm": "m", "version": 2, "steps": ["a"]}, {"fsm": "n", "version": 2}]}') as some,
       gd_register('none', '{q}', info => '{"machines": []}') as none \gset
-- Which of the workers sleep in the queue, and no others.
create function pg_temp.asleep(variadic p_workers bigint[]) returns void language sql as $$
    select gendurable._mark_worker(w.id, 'q', w.id = any (p_workers), false) from gendurable.workers as w
$$;
create function pg_temp.kinds() returns int[] language sql as $$
    select array(select k from generate_series(1, 6) as k where pg_temp.sleeps('q', array[k])) $$;

select is(pg_temp.kinds(), '{}', 'none sleeps');
select pg_temp.asleep(:some) \g /dev/null
select is(pg_temp.kinds(), '{2,5,6}',
    'the machine, the version and the step have to be declared, or all its steps; a kind belongs to its queue');
select is(pg_temp.sleeps('q', '{1,3,4,5}'), true, 'one of the kinds is enough');
select is((select array_agg(distinct s.worker_id) from gendurable._sleepers('q', '{1,2,3,4,5}') as s),
    array[:some]::bigint[], 'it is named');
select is(pg_temp.sleeps('q', '{1,3,4}'), false, 'none is not');
select is(pg_temp.sleeps('q', '{}'), false, 'no kinds, none to run them');
select is(pg_temp.sleeps('q', '{7,null}'), false, 'an unknown kind is nothing to run');
select is(pg_temp.sleeps('other', '{2,4}'), false, 'in another queue it does not sleep');
select gendurable._mark_worker(:some, 'other', true, false) \g /dev/null
select is(pg_temp.sleeps('other', '{2,4}') and not pg_temp.sleeps('other', '{2}'), true, 'unless it does');
select pg_temp.asleep(:none) \g /dev/null
select is(pg_temp.kinds(), '{}', 'one that declares an empty list runs nothing');
select pg_temp.asleep(:everything, :none) \g /dev/null
select is(pg_temp.kinds(), '{1,2,3,4,5,6}', 'a worker that declares nothing runs everything');
select gd_unregister(:everything), gd_unregister(:some) \g /dev/null
select is(pg_temp.kinds(), '{}', 'one that has left does not sleep');

select * from finish();
rollback;
