-- Workers that sleep are told of places, where something waits for one. A notification is sent at commit: this file
-- needs a session of its own.
begin;
set local client_min_messages = error;
select plan(9);

select test.connect('listener'), test.connect('app') \g /dev/null
select test.exec('listener', 'listen gendurable') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
create function pg_temp.tell(p_queues text) returns text language plpgsql as $$
begin
    perform pg_temp.heard();
    perform test.query('app', format('select gendurable._announce_places(%L)', p_queues));
    return pg_temp.heard();
end
$$;
select (test.query('app', $$ select gd_register('w') as w $$) #>> '{0,w}')::bigint as w \gset
select test.query('app', $$
    select gd_enqueue('m', queue => 'limited'), gd_enqueue('m', queue => 'free'), gd_enqueue('m', queue => 'awake') $$)
    \g /dev/null
select test.query('app', $$
    select gd_set_queue_limit(q, 1) from unnest('{limited,idle,awake}'::text[]) as q $$) \g /dev/null
select test.query('app', format('select gendurable._mark_worker(%s, q, true, false) from unnest(%L::text[]) as q', :w,
    '{limited,free,idle}')) \g /dev/null
select is(pg_temp.tell('{limited,free,idle,awake}'), 'limited',
    'a queue with a limit in which an instance is ready and a worker sleeps');
select is(pg_temp.tell('{limited,limited,null}'), 'limited', 'once');
select is(pg_temp.tell('{free}'), null, 'not one without a limit');
select is(pg_temp.tell('{idle}'), null, 'nor one in which nothing is ready');
select is(pg_temp.tell('{awake}'), null, 'nor one in which no worker sleeps');
select is(pg_temp.tell('{}'), null, 'none, none');
select is(pg_temp.tell(null), null, 'and none');
-- Only of what it can run.
select (test.query('app', $$
    select gd_register('foreign', info => '{"machines": [{"fsm": "m", "version": 9}]}') as w $$) #>> '{0,w}')::bigint
    as foreign \gset
select test.query('app', format('select gd_unregister(%s)', :w)),
    test.query('app', format($$ select gendurable._mark_worker(%s, 'limited', true, false) $$, :foreign)) \g /dev/null
select is(pg_temp.tell('{limited}'), null, 'a worker of another version sleeps on');
select test.query('app', $$ select gd_enqueue('m', queue => 'limited', fsm_version => 9) $$) \g /dev/null
select is(pg_temp.tell('{limited}'), 'limited', 'until something of its own is ready');

select * from finish();
rollback;
