-- A transaction that is to be prepared does not notify.
begin;
select plan(3);

select is(gendurable._notifies(), true, 'a transaction may notify');
set local gendurable.notify = off;
select is(gendurable._notifies(), false, 'unless it says that it does not');
set local gendurable.notify = on;
select is(gendurable._notifies(), true, 'or that it does');

select * from finish();
rollback;
