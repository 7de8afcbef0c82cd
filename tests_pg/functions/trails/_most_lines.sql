-- How many priorities have a line of their own.
begin;
select plan(1);
select is(gendurable._most_lines(), 32, 'not any number');
select * from finish();
rollback;
