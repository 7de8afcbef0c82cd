-- A transaction that frees a slot or makes an instance wait leaves a note for the next pick, and wakes the workers that
-- sleep where one waits.
begin;
set local client_min_messages = error;
select plan(11);

select gendurable._ring('{a,b,a,null}', '{r,r,null}'), gendurable._ring(null, '{s}'), gendurable._ring('{c}'),
    gendurable._ring(null, null), gendurable._ring('{}', '{}') \g /dev/null
select is((select string_agg(key, ' ' order by key) from gendurable.doorbells where kind = 'slot'), 'a b c',
    'concurrency keys, each once a call');
select is((select string_agg(key, ' ' order by key) from gendurable.doorbells where kind = 'tokens'), 'r s',
    'rate keys');

-- Notifications: each of these is a transaction of another session.
select test.connect('listener'), test.connect('app') \g /dev/null
select test.exec('listener', 'listen gendurable') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
create function pg_temp.app(p_query text) returns jsonb language sql as $$ select test.query('app', p_query) $$;
create function pg_temp.pick(p_worker bigint, p_queue text, p_slots int default 1) returns jsonb language sql as $$
    select pg_temp.app(format('select id, fence, fsm from gd_pick(%s, %L, %s)', p_worker, p_queue, p_slots))
$$;
create function pg_temp.commit(p_worker bigint, p_picked jsonb, p_outcome jsonb) returns text language sql as $$
    select pg_temp.app(format('select result from gd_commit(%s, %L)', p_worker,
        jsonb_build_array((p_picked -> 0) || p_outcome))) #>> '{0,result}'
$$;
select (pg_temp.app($$ select gd_register('busy') as w $$) #>> '{0,w}')::bigint as busy,
    (pg_temp.app($$ select gd_register('idle', '{q,p}') as w $$) #>> '{0,w}')::bigint as idle \gset
select pg_temp.app($$ select count(*)
    from gd_enqueue_many(
        '[{"fsm": "1", "concurrency_key": "k", "queue": "q"}, {"fsm": "2", "concurrency_key": "k", "queue": "q"},
{"fsm": "3", "concurrency_key": "k", "queue": "q"}, {"fsm": "4", "concurrency_key": "k", "queue": "p"},
    {"fsm": "5", "concurrency_key": "k", "queue": "q"}, {"fsm": "6", "concurrency_key": "k", "queue": "q"},
    {"fsm": "7", "concurrency_key": "k", "queue": "q"}]') $$) \g /dev/null
select pg_temp.pick(:busy, 'q') as one \gset
select pg_temp.pick(:idle, 'q', 9), pg_temp.pick(:idle, 'p', 9), pg_temp.heard() \g /dev/null
select is(pg_temp.commit(:busy, :'one', '{"kind": "done"}') || ' ' || pg_temp.heard(), 'committed p q',
    'a commit that finishes wakes workers in every queue where one waits for the slot');
select pg_temp.pick(:busy, 'q') as two \gset
select pg_temp.pick(:idle, 'q', 9), pg_temp.pick(:idle, 'p', 9), pg_temp.heard() \g /dev/null
select is(pg_temp.commit(:busy, :'two', '{"kind": "next", "step": "x", "continue": true, "concurrency_key": null}')
    || ' ' || pg_temp.heard(), 'continued p q', 'so does one that runs ahead without the key');
select pg_temp.pick(:busy, 'q') as three \gset
select pg_temp.pick(:idle, 'q', 9), pg_temp.pick(:idle, 'p', 9), pg_temp.heard() \g /dev/null
select is(pg_temp.app(format('select gd_cancel(%s) as n', :'three'::jsonb #>> '{0,id}')) #>> '{0,n}' || ' '
    || pg_temp.heard(), '1 p q', 'so does a cancel');
select pg_temp.pick(:busy, 'q') as four \gset
select pg_temp.pick(:idle, 'q', 9), pg_temp.pick(:idle, 'p', 9), pg_temp.heard() \g /dev/null
select pg_temp.app($$ select gd_set_concurrency_limit('k', 2) $$) \g /dev/null
select is(pg_temp.heard(), 'p q', 'a higher limit is told in every queue where one waits');
select pg_temp.pick(:idle, 'q', 1), pg_temp.pick(:idle, 'q', 9), pg_temp.pick(:idle, 'p', 9),
    pg_temp.heard() \g /dev/null
select pg_temp.app($$ select gd_drop_concurrency_limit('k') $$) \g /dev/null
select is(pg_temp.heard(), 'p q', 'so is a dropped one');
select pg_temp.app($$ select gd_set_concurrency_limit('k', 100) $$), pg_temp.pick(:idle, 'q', 99),
    pg_temp.pick(:idle, 'p', 99), pg_temp.heard() \g /dev/null
select pg_temp.app($$ select gd_enqueue('r', rate_limit => 'r', queue => 'q') $$) \g /dev/null
select is(pg_temp.heard(), 'q', 'a newcomer that waits for tokens is told of');
select pg_temp.pick(:idle, 'q', 9), pg_temp.heard() \g /dev/null
select pg_temp.app($$ select gd_set_rate_limit('r', 1, '1 hour') $$) \g /dev/null
select is(pg_temp.heard(), 'q', 'a limit that is set is told where one waits for it');
select is(jsonb_array_length(pg_temp.pick(:idle, 'q', 9)), 1, 'it starts');
select pg_temp.heard() \g /dev/null
select pg_temp.app($$ select gd_set_concurrency_limit('nobody', 100) $$),
    pg_temp.app($$ select gd_set_rate_limit('nobody', 1, '1 s') $$) \g /dev/null
select is(pg_temp.heard(), null, 'no worker is told of one for which none waits');

select * from finish();
rollback;
