-- Rows that become ready are so since the transaction began.
begin;
select plan(4);

select is((gendurable._enter_ready()).since, now(), 'since the transaction began, whenever it is asked');
select is((gendurable._enter_ready()).run, gendurable._run(pg_current_xact_id()), 'with the run of the transaction');
select ok((gendurable._enter_ready()).current, 'READ COMMITTED sees the newest trails');
select setval('gendurable.fence', 1000000) \g /dev/null
select is((gendurable._enter_ready()).fence, timestamptz '1970-01-01 00:00:01+00', 'the fence is a moment');

select * from finish();
rollback;
