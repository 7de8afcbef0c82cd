-- The parks and the ends of watched instances are notified. A notification is sent at commit: this file needs sessions
-- of its own.
begin;
set local client_min_messages = error;
select plan(6);

select test.connect('listener'), test.connect('app') \gset
select test.exec('listener', 'listen gendurable_watch') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
select test.query('app', $$ select id from gd_enqueue_many('[{"fsm": "m"}, {"fsm": "m"}, {"fsm": "m"}]') $$) as r \gset
select test.exec('app', 'update gendurable.instances set watched = true') as r \gset
select test.query('app', $$
    select count(gendurable._tell_watchers('{1,2,99}', '{awaiting_signal,awaiting_children,done}')) $$) as r \gset
select is(pg_temp.heard(), '1:awaiting_signal 2:awaiting_children 99:done', 'of each its id and its status');
select is((select string_agg(i.id::text, ' ') from gendurable.instances as i where i.watched), '3',
    'they are not watched any more');
select test.query('app', $$ select count(gendurable._tell_watchers('{3,3}', '{awaiting_signal,awaiting_signal}')) $$)
    as r \gset
select is(pg_temp.heard(), '3:awaiting_signal', 'once in a transaction');

select test.exec('app', 'update gendurable.instances set watched = true') as r \gset
select test.exec('app', 'begin; set local gendurable.notify = off') as r \gset
select test.query('app', $$ select count(gendurable._tell_watchers('{1}', '{awaiting_signal}')) $$) as r \gset
select lives_ok($$ select test.exec('app', 'commit') $$, 'a transaction that must not notify');
select is(pg_temp.heard(), null, 'does not');
select ok((select i.watched from gendurable.instances as i where i.id = 1),
    'and the watch stays for the next park or the end');

select * from finish();
rollback;
