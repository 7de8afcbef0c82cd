-- No writer is on its way into a partition that is looked through.
begin;
select plan(3);

select test.connect('other') as r \gset
select test.exec('other', 'begin; lock table gendurable.kept in row exclusive mode') as r \gset
select ok(not gendurable._lock_partition('gendurable.kept'), 'a writer is not waited for');
select test.exec('other', 'rollback; begin; lock table gendurable.kept in access share mode') as r \gset
select ok(gendurable._lock_partition('gendurable.kept'), 'readers are in no other session''s way');
select is(test.query('other', 'select count(*) as n from gendurable.kept') #>> '{0,n}', '0', 'and go on');

select * from finish();
rollback;
