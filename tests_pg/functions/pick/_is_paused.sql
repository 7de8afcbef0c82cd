-- A queue hands nothing out while it is paused, or being paused.
begin;
select plan(8);

select is(gendurable._is_paused('q'), false, 'a queue that nobody paused');
select gd_pause('p') \g /dev/null
select is(gendurable._is_paused('p') and not gendurable._is_paused('q'), true, 'one that is paused, and it alone');
insert into gendurable.queues (name, paused) values ('r', false);
select is(gendurable._is_paused('r'), false, 'one that is known, but not paused');
select gd_set_queue_limit('stopped', 0), gd_set_queue_limit('limited', 1) \g /dev/null
select is(gendurable._is_paused('stopped'), true, 'one whose limit is 0');
select is(gendurable._is_paused('limited'), false, 'not one with another limit');
select test.connect('other'), test.exec('other', 'begin') \g /dev/null
select test.query('other', $$ select gd_pause('being paused') $$) \g /dev/null
select is(gendurable._is_paused('being paused'), true, 'one that is being paused counts as paused, at once');
select test.exec('other', 'rollback') \g /dev/null
select is(gendurable._is_paused('being paused'), false, 'unless it comes to nothing');
select test.query('other', $$ select gendurable._is_paused('q') as paused $$) #>> '{0,paused}' as shared \gset
select is(:'shared'::text, 'false', 'two may look at once');

select * from finish();
rollback;
