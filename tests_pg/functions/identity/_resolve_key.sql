-- The instance that a key stands for.
begin;
\ir ../prelude.psql
select plan(10);

select is(gendurable._resolve_key('k'), null, 'a key that no instance ever carried');
select pg_temp.put('1', '{"correlation_key": "k"}'), pg_temp.pick(1) \g /dev/null
select is(gendurable._resolve_key('k'), pg_temp.id('1'), 'the occupant');
select is(pg_temp.commit('1', 'done'), 'committed', 'done');
select is(gendurable._resolve_key('k'), pg_temp.id('1'), 'without an occupant the finished one');
select pg_temp.put('2', '{"correlation_key": "k", "correlation_scope": ["done"]}') \g /dev/null
select is(gendurable._resolve_key('k'), pg_temp.id('2'), 'or a living one that is newer, outside its scope');
select pg_temp.put('3', '{"correlation_key": "k"}'),
    pg_temp.put('4', '{"correlation_key": "k", "correlation_scope": ["done"]}'),
    pg_temp.put('5', '{"correlation_key": "other"}') \g /dev/null
select is(gendurable._resolve_key('k'), pg_temp.id('3'), 'the occupant goes before newer ones');
select gd_cancel(pg_temp.id('3')) \g /dev/null
select is(gendurable._resolve_key('k'), pg_temp.id('4'), 'without one the newest');
select gd_cancel(pg_temp.id('4')), gd_cancel(pg_temp.id('2')) \g /dev/null
select is(gendurable._resolve_key('k'), pg_temp.id('4'), 'living or not');

select pg_temp.put('6', '{"correlation_key": "off", "correlation_scope": []}') \g /dev/null
select is(gendurable._resolve_key('off'), null, 'with a scope of {} a key is no address');
select gd_cancel(pg_temp.id('6')) \g /dev/null
select is(gendurable._resolve_key('off'), null, 'nor is it after the end');

select * from finish();
rollback;
