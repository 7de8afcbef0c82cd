-- `next` of claims that are held; gd_commit tests what it does to the row and when it may run ahead.
begin;
select plan(3);

select gd_register('me') as me \gset
create temp table e as select e.* from gd_enqueue_many('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}]') as e;
create temp table p as select p.* from gd_pick(:me, 'default', 4) as p;
create function pg_temp.outcomes() returns gendurable.outcome[] language sql as $$
    select gendurable._parse_outcomes(jsonb_agg(jsonb_build_object('id', e.id, 'fence',
        test.fence(e.id) + case when e.ord = 4 then 1 else 0 end, 'kind',
        case when e.ord = 3 then 'retry' else 'next' end,
        'step', 'two', 'continue', e.ord <> 2) order by e.ord)) from e
$$;
create function pg_temp.moves() returns gendurable.move[] language sql as $$
    select array_agg(row(e.ord, 'default', 0, false, null, e.ord <> 2, 'm', 1, 'two')::gendurable.move) from e
        where e.ord <> 3
$$;
select results_eq($$ select a.ord, a.id, a.fence, a.result, a.detail, a.signals
                     from unnest(gendurable._apply_next(1, pg_temp.outcomes(), pg_temp.moves())) as a $$,
    $$ select 1, e.id, p.fence + 1, 'continued', null::text, '[]'::jsonb from e join p on p.id = e.id where e.ord = 1
    $$, 'it answers those that run ahead, under their place in the batch');
select results_eq('select e.ord, i.step, i.phase::text, i.fence - p.fence from e join gendurable.instances as i on '
    'i.id = e.id join p on p.id = e.id order by e.ord',
    $$ values (1, 'two', 'executing', 1::bigint), (2, 'two', 'ready', 1), (3, 'start', 'executing', 0),
        (4, 'start', 'executing', 0) $$,
    'it applies outcomes of kind next, under their fence, and leaves the others');
select is(gendurable._apply_next(1, array[]::gendurable.outcome[], array[]::gendurable.move[]), '{}',
    'nothing to apply, nothing to answer');

select * from finish();
rollback;
