-- `await` of claims that are held; gd_commit tests what it does to the row and what wakes it.
begin;
select plan(2);

select gd_register('me') as me \gset
create temp table e as select e.*
    from gd_enqueue_many('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}]') as e;
create temp table p as select p.* from gd_pick(:me, 'default', 5) as p;
update gendurable.instances as i set signalled = true, inbox = e.ord from e where i.id = e.id and e.ord in (4, 5);
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload, presented)
select gendurable._inbox_key(e.id, e.ord), e.id, now(), 'n', '{}', case when e.ord = 5 then 1 end from e
    where e.ord in (4, 5);
create function pg_temp.outcomes() returns gendurable.outcome[] language sql as $$
    select gendurable._parse_outcomes(jsonb_agg(jsonb_build_object('id', e.id, 'fence',
        test.fence(e.id) + case when e.ord = 3 then 1 else 0 end, 'kind',
        case when e.ord = 2 then 'done' else 'await' end,
        'names', '["m", "n"]'::jsonb) order by e.ord)) from e
$$;
select lives_ok('select gendurable._apply_await(pg_temp.outcomes())', 'apply');
select results_eq('select e.ord, i.phase::text, i.awaits, i.fence - p.fence from e join gendurable.instances as i on '
    'i.id = e.id join p on p.id = e.id order by e.ord',
    $$ values (1, 'awaiting_signal', '{m,n}'::text[], 1::bigint), (2, 'executing', null, 0), (3, 'executing', null, 0),
        (4, 'ready', '{m,n}', 1), (5, 'awaiting_signal', '{m,n}', 1) $$,
    'it parks outcomes of kind await, under their fence; a signal that was not presented lets one go on, one that was '
    'does not');

select * from finish();
rollback;
