-- A queue hands nothing out while it is paused, or being paused.
begin;
select plan(8);

select is((gendurable._enter_queue('q')).closed, false, 'a queue that is not paused');
select gd_pause('p') \g /dev/null
select is((gendurable._enter_queue('p')).closed and not (gendurable._enter_queue('q')).closed, true,
    'one that is paused, and it alone');
insert into gendurable.queues (name, paused) values ('r', false);
select is((gendurable._enter_queue('r')).closed, false, 'one that is known, but not paused');
select gd_set_queue_limit('stopped', 0), gd_set_queue_limit('limited', 1) \g /dev/null
select is((gendurable._enter_queue('stopped')).closed, true, 'one whose limit is 0');
select is((gendurable._enter_queue('limited')).closed, false, 'not one with another limit');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', $$ select gd_pause('being paused') $$) \g /dev/null
select is((gendurable._enter_queue('being paused')).closed, true, 'one that is being paused counts as paused, at once');
select test.exec('other', 'rollback') \g /dev/null
select is((gendurable._enter_queue('being paused')).closed, false, 'unless it comes to nothing');
select test.query('other', $$ select (gendurable._enter_queue('q')).closed as paused $$) #>> '{0,paused}'
    as shared \gset
select is(:'shared'::text, 'false', 'two may look at once');

select * from finish();
rollback;
