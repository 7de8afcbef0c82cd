-- gd_next_due: when waiting work of a queue becomes due.
begin;
select plan(19);

create function pg_temp.put(p_phase gendurable.phase, p_eligible_at timestamptz, p_queue text default 'q') returns void
    language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', queue => p_queue) as e);
begin
    update gendurable.instances set phase = p_phase, eligible_at = p_eligible_at, awaits = '{x}' where id = v_id;
end
$$;
create function pg_temp.due_after(p_phase gendurable.phase, p_eligible_at timestamptz, p_queue text default 'q')
    returns interval language plpgsql as $$
begin
    perform pg_temp.put(p_phase, p_eligible_at, p_queue);
    return gd_next_due('q') - now();
end
$$;
select is(gd_next_due('q'), null, 'nothing waits, nothing is due');
select is(pg_temp.due_after('ready', now()), null, 'what is ready is not waited for');
select is(pg_temp.due_after('awaiting_signal', 'infinity'), null, 'a park without a deadline is not waited for');
select is(pg_temp.due_after('executing', now() + interval '1 s'), null, 'what executes is not waited for');
select is(pg_temp.due_after('scheduled', now() + interval '1 s', 'other'), null, 'other queues do not count');
select is(pg_temp.due_after('scheduled', now() + interval '2 hours'), '2 hours',
    'what is scheduled is due at its time');
select is(pg_temp.due_after('scheduled', now() + interval '3 hours'), '2 hours', 'the earliest counts');
select is(pg_temp.due_after('awaiting_signal', now() + interval '1 hour'), '1 hour', 'so does the deadline of a park');
select is(pg_temp.due_after('scheduled', now() - interval '1 s'), '1 hour',
    'what is due already is for the next pick, not for a later one');
select is(pg_temp.due_after('scheduled', now()), '1 hour', 'due now is due already');
select is(gd_next_due('other') - now(), '1 s', 'each queue has its own');
select is(gd_next_due(null), null, 'no queue, nothing due');
select gd_enqueue('m', queue => 'whole', delay => '10 minutes') as e \g /dev/null
select is(gd_next_due('whole') - now(), '10 minutes', 'a delayed enqueue is due after its delay');

insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('t', 0, now(), now() + interval '5 minutes'),
    ('never', 0, now(), 'infinity');
update gendurable.instances set phase = 'throttled', rate_limit = 't' where queue = 'whole';
select is(gd_next_due('whole') - now(), '5 minutes', 'what waits for tokens is due when they are');
select is(gd_next_due('q') - now(), '1 hour', '… in its own queue');
update gendurable.instances set rate_limit = 'never' where queue = 'whole';
select is(gd_next_due('whole'), null, '… never, if they never are');

-- Behind many whose tokens are due earlier, for other queues or for none.
update gendurable.instances set rate_limit = 't' where queue = 'whole';
insert into gendurable.buckets (key, tokens, refilled_at, due_at) select 'other:' || n, 0, now(),
    now() + n * interval '10 s' from generate_series(1, 20) as n;
select is(gd_next_due('whole') - now(), '5 minutes', 'also behind many for which none of the queue waits');
select is(gd_next_due('q') - now(), '1 hour', '… in its own queue');
select gd_enqueue('m', queue => 'tokens', rate_limit => 'other:' || n) from generate_series(3, 20) as n \g /dev/null
select is((gd_next_due('tokens') - now(), gd_next_due('whole') - now())::text, '(00:00:30,00:05:00)',
    '… the first for which one does');

select * from finish();
rollback;
