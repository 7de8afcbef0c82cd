-- Rows that become ready are so since the transaction began.
begin;
select plan(1);

select is(gendurable._enter_ready(), now(), 'since the transaction began, whenever it is asked');

select * from finish();
rollback;
