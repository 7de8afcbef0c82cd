-- What a transaction writes into a bucket is no earlier than the cap that it sees.
begin;
select plan(5);

select cmp_ok(gendurable._due_cap(), '>=', now(), 'without a trail it is the present');
insert into gendurable.limit_trails values (1, '0', now() + interval '1 h', '-infinity', '-infinity', '-infinity',
    '{}');
select cmp_ok(gendurable._due_cap(), '<', now() + interval '1 h', 'a row that was copied from elsewhere is void');
update gendurable.limit_trails set xid = pg_current_xact_id();
select is(gendurable._due_cap(), now() + interval '1 h', 'one that was written here counts');
insert into gendurable.limit_trails values (2, pg_current_xact_id(), now() + interval '2 h', '-infinity', '-infinity',
    '-infinity', '{}');
select is(gendurable._due_cap(), now() + interval '2 h', 'the newest');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select isnt(test.query('other', 'select gendurable._due_cap(), pg_current_xact_id_if_assigned() as xid') -> 0 ->> 'xid',
    null, 'a transaction that looks has its id');
select test.exec('other', 'rollback') \g /dev/null

select * from finish();
rollback;
