-- What is told of rows that became runnable; who hears it is tested with _ring and _notify.
begin;
set local client_min_messages = error;
select plan(9);

create function pg_temp.announce(variadic p_rows text[]) returns text language plpgsql as $$
begin
    delete from gendurable.doorbells;
    perform gendurable._announce(array(select r::gendurable.runnable_row from unnest(p_rows) as r));
    return (select coalesce(string_agg(d.kind || ' ' || d.key, ', ' order by d.kind, d.key), 'none') from gendurable.doorbells as d);
end
$$;
select is(pg_temp.announce('(q,held,k,,)', '(q,held,k,,)', '(q,held,l,,)'), 'slot k, slot l', 'the keys of those that wait for a slot, each once');
select is(pg_temp.announce('(q,throttled,,r,)', '(p,throttled,,r:1,)'), 'tokens r, tokens r:1', 'the rate keys of those that wait for tokens');
select is(pg_temp.announce('(q,held,k,r,)', '(q,throttled,l,s,)'), 'slot k, tokens s', 'of one with both the one it waits for first');
select is(pg_temp.announce('(q,ready,k,r,)', '(q,scheduled,l,s,)', '(q,held,,,)'), 'none', 'nothing of those that wait for neither, or not yet, or that are left to the caller');
select lives_ok('select gendurable._announce(null), gendurable._announce(''{}'')', 'no rows');

select gd_register('me') as me \gset
select id as a from gd_enqueue('m', correlation_key => 'a', correlation_scope => '{awaiting_signal}') \gset
update gendurable.instances set phase = 'awaiting_signal';
select pg_temp.announce(format('(q,ready,,,%s)', :a)) \g /dev/null
select is((select k.instance_id from gendurable.correlation_keys as k), :a::bigint, 'a scoped key is brought in line with the status');

select test.connect('listener'), test.connect('app') \g /dev/null
select test.exec('listener', 'listen gendurable') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
select test.query('app', $$ select gd_register('idle', '{p,q,s}') as w $$) #>> '{0,w}' as idle \gset
select test.query('app', format('select id from gd_pick(%s, %L, 1)', :idle, q)) from unnest('{p,q,s}'::text[]) as q \g /dev/null
select test.query('app', $$ select gendurable._announce('{"(q,ready,,,)","(q,held,k,,)","(s,scheduled,,,)"}') $$) \g /dev/null
select is(pg_temp.heard(), 'q s', 'workers that sleep are told of the queues, each once');
select test.query('app', $$ select gendurable._announce('{"(,ready,,,)"}') $$) \g /dev/null
select is(pg_temp.heard(), null, 'but not of rows that their caller tells of');
select test.query('app', $$ select gendurable._announce('{"(other,ready,,,)"}') $$) \g /dev/null
select is(pg_temp.heard(), null, 'nor of queues of which no worker sleeps');

select * from finish();
rollback;
