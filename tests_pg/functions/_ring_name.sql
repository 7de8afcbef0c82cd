-- A ring for every key of a name.
begin;
select plan(2);

select gendurable._ring_name('k') \g /dev/null
select results_eq('select key, is_name from gendurable.handovers', $$ values ('k' collate "C", true) $$, 'the name is left for the next pick');
select gd_register('sleeps', '{q,r}') as w \gset
select gd_pick(:w, 'q', 1) \g /dev/null
listen gendurable;
select results_eq($$ select array_agg(q) from gendurable.workers as w cross join lateral unnest(w.idle_queues) as q $$, $$ values ('{q}'::text[]) $$, 'only who sleeps is woken (tests_pg/races/notify_sleeping.sql hears it)');

select * from finish();
rollback;
