-- What gd_commit answers for outcomes that it did not apply; that another session's lock is answered `busy` is tested
-- in races/commit_busy.sql.
begin;
select plan(2);

select gd_register('me') as me, gd_register('other') as other \gset
select e.id from gd_enqueue_many('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}]') as e \g /dev/null
select array_agg(p.id order by p.id) as ids from gd_pick(:me, 'default', 2) as p \gset
select p.id from gd_pick(:other, 'default', 1) as p \g /dev/null
create function pg_temp.outcome(p_id bigint, p_fence bigint) returns jsonb language sql as $$
    select jsonb_build_object('id', p_id, 'fence', p_fence, 'kind', 'done') $$;
select gendurable._parse_outcomes(jsonb_build_array(pg_temp.outcome(i[1], test.fence(i[1])),
    pg_temp.outcome(i[2], test.fence(i[2])), pg_temp.outcome(i[2], 0),
                                                    pg_temp.outcome(i[2] + 1, test.fence(i[2] + 1)),
                                                    pg_temp.outcome(-1, 1), '{"kind": "?"}'::jsonb))::text as parsed
                                                    from (values (:'ids'::bigint[])) as v (i) \gset
select results_eq(format($$
    select a.ord, a.result, a.detail
        from unnest(gendurable._unapplied(%s, %L::gendurable.outcome[], (%2$L::gendurable.outcome[])[1:1])) as a $$,
    :me, :'parsed'),
    $$ values (2, 'busy', null), (3, 'stale', null), (4, 'stale', null), (5, 'stale', null),
        (6, 'invalid', 'id and fence are required') $$,
    'what is still held was locked by another session; another fence, and a claim of another or of no worker, is '
    'stale; what says nothing is invalid');
select is(gendurable._unapplied(:me, :'parsed'::gendurable.outcome[], :'parsed'::gendurable.outcome[]), '{}',
    'everything was applied');

select * from finish();
rollback;
