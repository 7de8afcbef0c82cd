-- Keys that an instance has are not taken, and no session is waited for for long.
begin;
select plan(10);

create function pg_temp.holders() returns text language sql as $$
    select string_agg(k.key || ':' || k.instance_id, ' ' order by k.key) from gendurable.correlation_keys as k $$;
set local lock_timeout = '3s';
select gendurable._try_take_keys('{b,a}', '{2,1}', '50ms') \g /dev/null
select is(pg_temp.holders(), 'a:1 b:2', 'free keys are taken');
select gendurable._try_take_keys('{a,b,c}', '{3,2,3}', '50ms') \g /dev/null
select is(pg_temp.holders(), 'a:1 b:2 c:3', 'one that another instance has is left to it');
select gendurable._try_take_keys('{d,d}', '{5,4}', '50ms') \g /dev/null
select is(pg_temp.holders(), 'a:1 b:2 c:3 d:4', 'of two that want the same one has it');
select lives_ok($$ select gendurable._try_take_keys('{}', '{}', '50ms'), gendurable._try_take_keys(null, null, '50ms')
    $$, 'none at all');
select is(current_setting('lock_timeout'), '3s', 'lock_timeout is as it was');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other',
    format('insert into gendurable.correlation_keys (key, instance_id) select %L || n, 9 from generate_series(1, 400) '
        'as n returning key', 'e')) \g /dev/null
select clock_timestamp() as from \gset
select lives_ok($$ select gendurable._try_take_keys(array_agg('e' || n) || '{f}', array_agg(n) || '{6}', '50ms')
    from generate_series(1::bigint, 400) as n $$, 'those that another session is taking at this moment are no error');
select cmp_ok(clock_timestamp() - :'from'::timestamptz, '<', interval '10 s', 'nor a wait for each');
select is(pg_temp.holders(), 'a:1 b:2 c:3 d:4 f:6', 'what is free beside them is taken');
select is(current_setting('lock_timeout'), '3s', 'lock_timeout is as it was after that, too');
select test.exec('other', 'rollback') \g /dev/null
select gendurable._try_take_keys('{e1}', '{7}', '50ms') \g /dev/null
select is(pg_temp.holders(), 'a:1 b:2 c:3 d:4 e1:7 f:6', 'they can be taken once it has not');

select * from finish();
rollback;
