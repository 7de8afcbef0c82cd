-- Who has an instance that executes.
begin;
\ir ../prelude.psql
select plan(4);
select test.up_for_ever();

select pg_temp.put('a'), pg_temp.put('b') \g /dev/null
select is_empty($$ select * from gendurable._why_claimed(pg_temp.row('a')) $$, 'no worker has what does not execute');
select pg_temp.pick(1) \g /dev/null
select results_eq($$ select reason, detail ~ 'Worker \d+ \(me\) has it since .* in step start; its lease runs until',
    remedy ~ 'gd_cancel\(\d+\)', since >= now() from gendurable._why_claimed(pg_temp.row('a')) $$,
    $$ values ('executing', true, true, true) $$, 'a live worker has it');
update gendurable.leases set lease_until = now() - interval '1 s';
select results_eq($$ select reason, detail ~ 'and is gone: its lease ended at'
    from gendurable._why_claimed(pg_temp.row('a')) $$, $$
    values ('worker_lost', true) $$, 'a worker whose lease is over');
delete from gendurable.workers;
select results_eq($$ select reason, detail ~ 'and is gone: it has left' from gendurable._why_claimed(pg_temp.row('a'))
    $$, $$ values ('worker_lost', true) $$, 'a worker that is not there any more');

select * from finish();
rollback;
