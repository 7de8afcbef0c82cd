-- Where a look for what is due, or full, begins.
begin;
select plan(5);
select test.connect('other') \g /dev/null

select is_empty('select * from gendurable._due_floors()', 'without a trail nothing is known');
insert into gendurable.limit_trails values (1, '0', 'epoch', 'epoch', 'epoch', 'epoch', '{}');
select is_empty('select * from gendurable._due_floors()', 'a row that was copied from elsewhere is void');
insert into gendurable.limit_trails values (2, pg_current_xact_id(), 'infinity', 'infinity', '2030-01-01', '2030-02-01', '{}'), (3, pg_current_xact_id(), 'infinity', 'infinity', '2030-03-01', '2030-04-01', '{}');
select results_eq('select * from gendurable._due_floors()', $$ values (timestamptz '2030-03-01', timestamptz '2030-04-01', false) $$, 'the newest trail counts');
select test.exec('other', 'begin'), test.query('other', 'select pg_current_xact_id() as xid') -> 0 ->> 'xid' as x \gset
update gendurable.limit_trails set pending = array[row(:'x', '2030-01-05', '2030-02-05')::gendurable.straggler] where seq = 3;
select results_eq('select * from gendurable._due_floors()', $$ values (timestamptz '2030-03-01', timestamptz '2030-04-01', false) $$, 'what is pending does not matter while it is open');
select test.exec('other', 'commit') \g /dev/null
select results_eq('select * from gendurable._due_floors()', $$ values (timestamptz '2030-01-05', timestamptz '2030-02-05', true) $$, 'once it has ended a look begins where it may have written, and the floors are worth a move');

select * from finish();
rollback;
