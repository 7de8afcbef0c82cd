-- Who has an offer of tokens, and who waits for some; what becomes of them is tested with _offer_tokens.
begin;
select plan(4);

select gd_register('w', '{q,paused}') as w \gset
select gd_pause('paused') \g /dev/null
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, rate_limit, weight)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, 'm', v.queue, v.rate, v.weight
from (values (1, 'q', 'ready', 5, 'r', null), (2, 'q', 'ready', 1, 'r', 2.5), (3, 'paused', 'ready', 0, 'r', null), (4, 'nobody', 'ready', 0, 'r', null),
             (5, 'q', 'throttled', 7, 'r', 'infinity'), (6, 'nobody', 'throttled', 3, 'r', null), (7, 'q', 'executing', 0, 'r', null), (8, 'q', 'ready', 0, 'r:1', null)
     ) as v (id, queue, phase, priority, rate, weight);
create function pg_temp.line(p_offers int, p_waiting int) returns text language sql as $$
    select string_agg(format('%s%s:%s', case when l.waits then '-' end, l.id, l.weight), ' ' order by l.waits, l.priority)
    from gendurable._token_line('r', 'ready', p_offers, p_waiting, now()) as l
$$;
select is(pg_temp.line(9, 9), '2:2.5 1:1 -6:1 -5:1e+100', 'offers where somebody picks, and all who wait; a weight is cut where sums would overflow');
select is(pg_temp.line(1, 1), '2:2.5 -6:1', 'the most urgent of each');
select is(pg_temp.line(9, 0), '2:2.5 1:1', 'nobody who waits, if none is asked for');
update gendurable.leases set lease_until = now() - interval '1 s';
select is(pg_temp.line(9, 1), '-6:1', 'where the worker is dead nobody picks');

select * from finish();
rollback;
