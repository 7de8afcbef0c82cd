-- One session at a time decides about a name; concurrency keys and rate keys apart.
begin;
select plan(8);

select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select is(gendurable._lock_name('slot', 'n:1'), true, 'the first session decides');
select is(gendurable._lock_name('slot', 'n:2'), true, 'again in the same transaction it is the same one');
create function pg_temp.other(p_call text) returns text language sql as $$
    select test.query('other', 'select gendurable.' || p_call || ' as r') #>> '{0,r}' $$;
select is(pg_temp.other('_lock_name(''slot'', ''n:1'')'), 'false', 'no other session does, and none waits');
select is(pg_temp.other('_lock_name(''slot'', ''n:3'')') || pg_temp.other('_lock_name(''slot'', ''n'')'), 'falsefalse',
    'nor about any other key of the name');
select is(pg_temp.other('_lock_name(''tokens'', ''n:1'')'), 'true', 'slots and tokens are decided about apart');
select is(pg_temp.other(format('_lock_name(''slot'', %L)', 'other' || n || ':1')), 'true', 'another name is free')
    from generate_series(1, 1000) as n where hashtext('other' || n) & 63 <> hashtext('n') & 63 limit 1;
select cmp_ok((select count(*)::int from generate_series(1, 5000) as n
    where gendurable._lock_name('slot', 'many' || n || ':x')), '>=', 4000, 'however many names there are')
from (select test.exec('other', 'rollback')) as x;
select cmp_ok((select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()), '<=', 64,
    'they are few locks');

select * from finish();
rollback;
