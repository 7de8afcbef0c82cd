-- gd_machines: what a worker could be asked to run.
begin;
select plan(4);

select gd_enqueue(f, queue => q, step => s) from (values ('a', 'x', 'start'), ('a', 'x', 'more'), ('b', 'x', 'start'),
    ('a', 'y', 'start'), ('c', 'z', 'start')) as e (f, q, s) \g /dev/null
select results_eq($$ select gd_machines('{x,y}') $$, $$
    values ('a'), ('b') $$, 'each once, of the queues that were asked for');
select gd_cancel(id) from gendurable.instances where fsm = 'b' \g /dev/null
select results_eq($$ select gd_machines('{x}') $$, $$ values ('a'), ('b') $$, 'also those that wait no more');
select is_empty($$ select gd_machines('{nowhere}') $$, 'none where nothing ever waited');
select is_empty($$ select gd_machines(null) $$, 'none of no queues');

select * from finish();
rollback;
