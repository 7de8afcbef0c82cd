-- Partitions are emptied at once, if no other transaction reads them.
begin;
select plan(5);

create table gendurable.one (like gendurable.finished); create table gendurable.two (like gendurable.finished);
insert into gendurable.one (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state) values (1, now(), now(), 1, 0, 0, 1, false, 'm', 's', 'q', '{}');
select ok(gendurable._truncate('{gendurable.one,gendurable.two}'), 'it says so');
select is((select count(*)::int from gendurable.one), 0, 'they are empty');
select ok(gendurable._truncate('{}'), 'none is none');
select test.connect('other') as r \gset
select test.exec('other', 'begin; lock table gendurable.kept in access share mode') as r \gset
select ok(not gendurable._truncate('{gendurable.one,gendurable.kept}'),
    'what another transaction reads is not waited for');
select test.exec('other', 'rollback') as r \gset
select ok(gendurable._truncate('{gendurable.one,gendurable.kept}'), 'another time');

select * from finish();
rollback;
