-- The one call that waits for maintenance.
begin;
select plan(3);

select test.connect('other') as r \gset
select test.exec('other', 'begin') as r \gset
select is(test.query('other', 'select gendurable._lock_maintenance() as r') #>> '{0,r}', 'true',
    'maintenance is in flight elsewhere');
set local lock_timeout = '1ms';
select throws_ok('select gendurable._await_maintenance()', '55P03', null, 'it waits for that');
select test.exec('other', 'rollback') as r \gset
set local lock_timeout = '60s';
select lives_ok('select gendurable._await_maintenance()', 'and goes on afterwards');

select * from finish();
rollback;
