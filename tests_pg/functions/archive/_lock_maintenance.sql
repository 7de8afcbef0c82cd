-- One session at a time does maintenance.
begin;
select plan(5);

select test.connect('other') as r \gset
select test.exec('other', 'begin') as r \gset
select is(gendurable._lock_maintenance(), true, 'the first session does it');
select is(gendurable._lock_maintenance(), true, 'again in the same transaction it is the same one');
select is(test.query('other', 'select gendurable._lock_maintenance() as r') #>> '{0,r}', 'false',
    'no other session does it, and none waits');
select is(test.query('other', 'select task from gd_maintain() where task <> ''more'''),
    '[{"task": "reap"}, {"task": "expire_awaits"}, {"task": "fire_schedules"}, {"task": "sweep"}, {"task": "dismiss"}, '
    '{"task": "sweep_buckets"}]',
    'another session does at once what needs no such lock, and leaves the archive alone');
select is(test.query('other', 'select gd_gc() as n') #>> '{0,n}', '0',
    'collection of another session does nothing at once');

select * from finish();
rollback;
