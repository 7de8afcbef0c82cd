-- What has become runnable or free is told: by doorbells, correlation keys and notifications. A notification is sent at
-- commit: this file needs sessions of its own.
begin;
set local client_min_messages = error;
select plan(34);

select test.connect('listener'), test.connect('app') \gset
select test.exec('listener', 'listen gendurable') as r \gset
select (test.query('app', $$ select gd_register('w') as w $$) #>> '{0,w}')::bigint as w \gset
-- What has been notified. The listener's own query ends after it has been handed what was sent before.
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.notify_name || ':' || n.extra, ' ' order by n.extra)
        from dblink_get_notify('listener') as n);
end
$$;
create function pg_temp.pick(p_worker bigint, p_queue text, p_slots int default 1) returns jsonb language sql as $$
    select test.query('app', format('select id, fence from gd_pick(%s, %L, %s)', p_worker, p_queue, p_slots))
$$;
create function pg_temp.commit(p_worker bigint, p_picked jsonb, p_outcome jsonb) returns text language sql as $$
    select test.query('app', format('select result from gd_commit(%s, %L)', p_worker,
        jsonb_build_array((p_picked -> 0) || p_outcome))) #>> '{0,result}'
$$;
select test.query('app', $$ select gd_enqueue('m', queue => 'a', correlation_key => 'one') $$) as r \gset
select is(pg_temp.heard(), null, 'no worker sleeps, so none is notified');
select pg_temp.pick(:w, 'a', 2) as one \gset
select test.query('app', $$ select gd_enqueue('m', queue => 'b') $$) as r \gset
select is(pg_temp.heard(), null, 'work in a queue from which no pick came back empty is not worth a notification');
select test.query('app', $$ select gd_enqueue('m', queue => 'a', delay => '1 hour') $$) as r \gset
select is(pg_temp.heard(), 'gendurable:a',
    'enqueueing notifies of the queue, of a delayed instance too: a sleeper may have to get up earlier');
select test.query('app', $$ select gd_enqueue('m', queue => 'a', correlation_key => 'one') $$) as r \gset
select is(pg_temp.heard(), null, 'a duplicate is no work');
select pg_temp.pick(:w, 'c') as r \gset
select test.query('app', $$
    select count(*) from gd_enqueue_many(
        '[{"fsm": "m", "queue": "a", "delay": 3600}, {"fsm": "m", "queue": "b"}, {"fsm": "m", "queue": "c", "delay": '
        '3600}, {"fsm": "m", "queue": "a", "delay": 3600}]') $$) as r \gset
select is(pg_temp.heard(), 'gendurable:a gendurable:c', 'a batch notifies once of each queue in which a worker sleeps');
select is(pg_temp.commit(:w, :'one', '{"kind": "await", "names": ["x"]}'), 'committed', 'park');
select is(pg_temp.heard(), null, 'a park without a deadline is no work');
select test.query('app', $$ select gd_signal('one', 'y') $$) as r \gset
select is(pg_temp.heard(), null, 'a signal that wakes no instance is no work');
select test.query('app', $$ select gd_signal('one', 'x') $$) as r \gset
select is(pg_temp.heard(), 'gendurable:a', 'a signal that wakes a park notifies');
select pg_temp.pick(:w, 'a', 2) as one \gset
select is(pg_temp.commit(:w, :'one', '{"kind": "await", "names": ["z"], "timeout_ms": 3600000}'), 'committed',
    'park with a deadline');
select is(pg_temp.heard(), 'gendurable:a', 'a deadline notifies: a sleeper may have to get up earlier');
select test.query('app', $$ select gd_signal('one', 'z') $$) as r \gset
select pg_temp.pick(:w, 'a', 2) as one, pg_temp.heard() as r \gset
select is(pg_temp.commit(:w, :'one', '{"kind": "next", "step": "s"}'), 'committed', 'next');
select is(pg_temp.heard(), 'gendurable:a', 'next notifies');
select pg_temp.pick(:w, 'a', 2) as one, pg_temp.heard() as r \gset
select is(pg_temp.commit(:w, :'one', '{"kind": "next", "step": "s", "continue": true}'), 'continued',
    'next that runs ahead');
select is(pg_temp.heard(), null, 'running ahead does not notify');
select test.query('app', format('select gd_release(%s, array[%s]::bigint[])', :w, :'one'::jsonb #>> '{0,id}'))
    as r \gset
select is(pg_temp.heard(), 'gendurable:a', 'a release notifies');
select pg_temp.pick(:w, 'a', 2) as one, pg_temp.heard() as r \gset
select is(pg_temp.commit(:w, :'one', '{"kind": "retry"}'), 'committed', 'retry');
select is(pg_temp.heard(), 'gendurable:a', 'a retry notifies');
select pg_temp.pick(:w, 'a', 2) as one, pg_temp.heard() as r \gset
select is(pg_temp.commit(:w, :'one', '{"kind": "await", "names": ["never"], "timeout_ms": 0}'), 'committed',
    'park with a deadline that is over');
select pg_temp.heard() as r \gset
select test.query('app', 'select gd_expire_awaits()') as r \gset
select is(pg_temp.heard(), 'gendurable:a', 'a deadline that maintenance finds notifies');
select pg_temp.pick(:w, 'a', 1) as one \gset
select test.query('app', $$ select gd_enqueue('m', queue => 'a', delay => '1 hour') $$) as r \gset
select is(pg_temp.heard(), null, 'a worker whose latest pick was full has not asked');
-- Rows that fall due are locked by the pick that moves them; another worker may have come meanwhile, and found nothing.
select (test.query('app', $$ select gd_register('second') as w $$) #>> '{0,w}')::bigint as second \gset
select pg_temp.pick(:second, 'due') as r \gset
select test.query('app', $$
    select count(*) from gd_enqueue_many(
        '[{"fsm": "m", "queue": "due", "delay": 3600}, {"fsm": "m", "queue": "due", "delay": 3600}]') $$),
    pg_temp.heard() as r \gset
select test.exec('app', $$ update gendurable.instances set eligible_at = now() where queue = 'due' $$) as r \gset
select is(jsonb_array_length(pg_temp.pick(:w, 'due', 1)), 1, 'a full pick of what fell due');
select is(pg_temp.heard(), 'gendurable:due', 'what a full pick leaves of what fell due is told to others');
select is(jsonb_array_length(pg_temp.pick(:w, 'due', 1)), 1, 'a full pick of what was ready');
select is(pg_temp.heard(), null, 'a pick that moved nothing notifies no worker');
select lives_ok($$ select gendurable._announce(null), gendurable._announce('{}') $$, 'no queues, no notification');
select test.query('app', $$ select gendurable._announce('{due,x,due,null}') as r $$) as r \gset
select is(pg_temp.heard(), 'gendurable:due', 'of each queue in which a worker sleeps once');
select test.query('app', $$ select gendurable._announce(null, '{k}', '{r}') as r $$) as r \gset
select is(pg_temp.heard(), null, 'keys without a queue, and none in which one waits');

-- Doorbells and correlation keys.
create function pg_temp.announce(p_keys text[], p_rates text[]) returns text language plpgsql as $$
begin
    delete from gendurable.doorbells;
    perform gendurable._announce('{q}', p_keys, p_rates);
    return (select coalesce(string_agg(d.kind || ' ' || d.key, ', ' order by d.kind, d.key), 'none')
        from gendurable.doorbells as d);
end
$$;
select is(pg_temp.announce('{k,l,k}', null), 'slot k, slot l', 'concurrency keys are rung for, each once');
select is(pg_temp.announce(null, '{r,r:1}'), 'tokens r, tokens r:1', 'so are rate keys');
select is(pg_temp.announce('{k,null}', '{r,null}'), 'slot k, tokens r', 'or both');
select is(pg_temp.announce('{null}', '{}'), 'none', 'or neither');
select id as scoped from gd_enqueue('m', correlation_key => 'scoped', correlation_scope => '{awaiting_signal}',
    queue => 'none') \gset
select is((select count(*) from gendurable.correlation_keys as k where k.key = 'scoped'), 0::bigint,
    'a key is not occupied outside its scope');
update gendurable.instances set phase = 'awaiting_signal' where id = :scoped;
select gendurable._announce(null, p_scoped => array[:scoped]::bigint[]) \g /dev/null
select is((select k.instance_id from gendurable.correlation_keys as k where k.key = 'scoped'), :scoped::bigint,
    'and is brought in line with the status');

select * from finish();
rollback;
