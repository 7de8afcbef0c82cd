-- gd_watch: one notification of the next park or the end of an instance. A notification is sent at commit: this file
-- needs sessions of its own.
begin;
set local client_min_messages = error;
select plan(34);

select test.connect('listener'), test.connect('app') \gset
select test.exec('listener', 'listen gendurable_watch') as r \gset
select (test.query('app', $$ select gd_register('w', lease => '1 day') as w $$) #>> '{0,w}')::bigint as w \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.notify_name || ' ' || n.extra, ', ' order by n.extra)
        from dblink_get_notify('listener') as n);
end
$$;
create function pg_temp.app(query text) returns text language sql as $$
    select v.value from jsonb_each_text(test.query('app', query) -> 0) as v limit 1 $$;
create function pg_temp.make(fsm text) returns bigint language sql as $$
    select pg_temp.app(format('select id from gd_enqueue(%L, correlation_key => %L)', fsm, fsm))::bigint $$;
create function pg_temp.watch(target text) returns text language sql as $$
    select pg_temp.app(format('select gd_watch(%L::text)', target)) $$;
-- Picks what there is and commits one outcome for it.
create function pg_temp.step(w bigint, outcome jsonb) returns text language sql as $$
    select pg_temp.app(format(
        'select a.result from gd_pick(%s, ''default'', 1) as p, gd_commit(%s, '
        'jsonb_build_array(jsonb_build_object(''id'', p.id, ''fence'', p.fence) || %L)) as a', w, w, outcome))
$$;
select pg_temp.make('a') as a \gset
select pg_temp.make('b') as b \gset
select pg_temp.step(:w, '{"kind": "done"}'), pg_temp.step(:w, '{"kind": "stop"}') \g /dev/null
select is(pg_temp.heard(), null, 'what is not watched is not told of');
select is(pg_temp.watch('a') || ' ' || pg_temp.watch('b'), 'done failed', 'of what has ended the status is answered');
select is(pg_temp.app(format('select gd_watch(%s::bigint)', :a)), 'done', 'by its id, too');
select is(pg_temp.watch('no such key'), null, 'of what is not known none is');
select is(pg_temp.app('select gd_watch(0::bigint)'), null, 'nor by an id');
select is(pg_temp.app('select gd_watch(null::bigint)') || pg_temp.app('select gd_watch(null::text)'), null,
    'nor of nothing');

select pg_temp.make('c') as c \gset
select is(pg_temp.watch('c'), 'runnable', 'what waits is watched');
select is(pg_temp.heard(), null, 'watching is no news');
select is(pg_temp.step(:w, '{"kind": "next", "step": "two"}'), 'committed', 'it goes on');
select is(pg_temp.step(:w, '{"kind": "retry"}'), 'committed', 'and tries again');
select is(pg_temp.heard(), null, 'neither is a park or an end');
select is(pg_temp.watch('c') || pg_temp.step(:w, '{"kind": "await", "names": ["x"]}'), 'runnablecommitted',
    'watched twice, it parks');
select is(pg_temp.heard(), format('gendurable_watch %s:awaiting_signal', :c), 'that is told, once');
select pg_temp.app($$ select gd_signal('c', 'x') $$) \g /dev/null
select is(pg_temp.step(:w, '{"kind": "await", "names": ["x"]}') || coalesce(pg_temp.heard(), '-'), 'committed-',
    'the next park is not: it is not watched any more');
select is(pg_temp.watch('c'), 'awaiting_signal', 'a park is watched');
select pg_temp.app($$ select gd_signal('c', 'x') $$) \g /dev/null
select is(pg_temp.heard(), null, 'being woken is no park');
select is(pg_temp.step(:w, '{"kind": "await", "names": ["y"], "timeout_ms": 0}') || pg_temp.heard(),
    format('committedgendurable_watch %s:awaiting_signal', :c), 'the next one is');
select pg_temp.watch('c') \g /dev/null
select pg_temp.app($$ select gd_signal('c', 'z') $$) \g /dev/null
select is(pg_temp.step(:w, '{"kind": "await", "names": ["z"]}') || coalesce(pg_temp.heard(), '-'), 'committed-',
    'an await whose signal is there already does not park');
select is(pg_temp.step(:w, '{"kind": "schedule_children", "children": []}') || coalesce(pg_temp.heard(), '-'),
    'committed-', 'nor does a parent without children');
select is(pg_temp.step(:w, '{"kind": "schedule_children", "children": [{"fsm": ""}]}') || coalesce(pg_temp.heard(),
    '-'), 'invalid-', 'nor one whose children cannot be created');
select pg_temp.app(format('select gd_release(%s, array[%s])', :w, :c)) \g /dev/null
select is(pg_temp.step(:w, '{"kind": "schedule_children", "children": [{"fsm": "k", "priority": -1}]}')
    || pg_temp.heard(), format('committedgendurable_watch %s:awaiting_children', :c), 'one with children does');
select is(pg_temp.watch('c') || pg_temp.step(:w, '{"kind": "done"}') || coalesce(pg_temp.heard(), '-'),
    'awaiting_childrencommitted-', 'the end of a child is not its own');
select is(pg_temp.step(:w, '{"kind": "done"}') || pg_temp.heard(), format('committedgendurable_watch %s:done', :c),
    'its end is');

select pg_temp.make('d') as d \gset
select is(pg_temp.watch('d') || pg_temp.step(:w, '{"kind": "stop"}') || pg_temp.heard(),
    format('runnablecommittedgendurable_watch %s:failed', :d), 'a stop is an end');
select is(pg_temp.app(format('select gd_retry(%s)', :d)) || coalesce(pg_temp.heard(), '-'), 'retried-',
    'it is brought back');
select is(pg_temp.app($$ select gd_cancel('d') $$) || coalesce(pg_temp.heard(), '-'), '1-',
    'and not watched in its new life');
select pg_temp.app(format('select gd_retry(%s)', :d)) \g /dev/null
select is(pg_temp.watch('d') || pg_temp.app($$ select gd_cancel('d') $$) || pg_temp.heard(),
    format('runnable1gendurable_watch %s:failed', :d), 'a cancellation is an end, too');

-- Executing; a batch.
select pg_temp.make('e') as e \gset
select pg_temp.make('f') as f \gset
select pg_temp.make('g') as g \gset
select test.query('app', format('select id, fence from gd_pick(%s, ''default'', 3) order by id', :w)) as picked \gset
select is(pg_temp.watch('e') || ' ' || pg_temp.watch('f'), 'executing executing', 'what executes is watched');
select is(pg_temp.app(format($$ select string_agg(result, ' ') from gd_commit(%s, %L) $$, :w,
    jsonb_build_array(:'picked'::jsonb -> 0 || '{"kind": "done"}',
        :'picked'::jsonb -> 1 || '{"kind": "await", "names": ["x"]}', :'picked'::jsonb -> 2 || '{"kind": "done"}'))),
    'committed committed committed', 'a batch');
select is(pg_temp.heard(), format('gendurable_watch %s:done, gendurable_watch %s:awaiting_signal', :e, :f),
    'tells of those of it that are watched');

-- What is undone, and what must not notify.
select test.exec('app', 'begin') as r \gset
select is(pg_temp.watch('f'), 'awaiting_signal', 'a watch that is undone');
select test.exec('app', 'rollback') as r \gset
select is(pg_temp.app($$ select gd_cancel('f') $$) || coalesce(pg_temp.heard(), '-'), '1-', 'is none');
select pg_temp.make('h') as h \gset
select pg_temp.watch('h') \g /dev/null
select test.exec('app', 'begin; set local gendurable.notify = off') as r \gset
select pg_temp.app($$ select gd_cancel('h') $$) \g /dev/null
select test.exec('app', 'commit') as r \gset
select is(pg_temp.heard(), null, 'a transaction that must not notify tells of no end');
select is(pg_temp.watch('h'), 'failed', 'which the next look finds');

select * from finish();
rollback;
