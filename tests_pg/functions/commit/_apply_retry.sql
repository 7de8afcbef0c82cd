-- `retry` of claims that are held; gd_commit tests what it does to the row.
begin;
select plan(2);

select gd_register('me') as me \gset
create temp table e as select e.* from gd_enqueue_many('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}]') as e;
create temp table p as select p.* from gd_pick(:me, 'default', 3) as p;
create function pg_temp.outcomes() returns gendurable.outcome[] language sql as $$
    select gendurable._parse_outcomes(jsonb_agg(jsonb_build_object('id', e.id, 'fence',
        test.fence(e.id) + case when e.ord = 3 then 1 else 0 end, 'kind',
        case when e.ord = 2 then 'done' else 'retry' end)
        order by e.ord)) from e
$$;
select lives_ok('select gendurable._apply_retry(pg_temp.outcomes())', 'apply');
select results_eq('select e.ord, i.phase::text, i.attempt, i.fence - p.fence from e join gendurable.instances as i on '
    'i.id = e.id join p on p.id = e.id order by e.ord',
    $$ values (1, 'ready', 1, 1::bigint), (2, 'executing', 0, 0), (3, 'executing', 0, 0) $$,
    'it applies outcomes of kind retry, under their fence, and leaves the others');

select * from finish();
rollback;
