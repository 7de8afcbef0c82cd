-- Which instances of a line get or lose an offer; all of it in one piece is tested with _offer_tokens, the locks in races/rates.sql.
begin;
select plan(7);

select gd_register('w', '{q,p}') as w \gset
select gd_set_rate_limit('r', 1, '1 hour', 3) \g /dev/null
delete from gendurable.doorbells;
insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm, queue, rate_limit, concurrency_key)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', v.priority, 1, 'm', v.queue, 'r:' || v.key, v.slot
from (values (1, 'p', 'throttled', 1, 'a', null), (2, 'q', 'throttled', 2, 'a', null), (3, 'q', 'throttled', 3, 'a', 'k'), (4, 'q', 'throttled', 4, 'a', null), (5, 'p', 'ready', 9, 'a', null)) as v (id, queue, phase, priority, key, slot);
create function pg_temp.choose(p_queue text, p_slots int, p_glance int default 100) returns text language sql as $$
    select format('ids %s mine %s back %s again %s', o.ids, o.mine, o.back, o.again) from gendurable._choose_token_offers('{r:a}', p_queue, p_slots, p_glance, now()) as o
$$;
select is(pg_temp.choose(null, 0), 'ids {1,2,3} mine  back {5} again ', 'the most urgent that the tokens cover are offered some, a less urgent one loses its offer');
select is((select b.due_at - now() from gendurable.buckets as b where b.key = 'r:a'), interval '1 hour', 'the bucket says when the next one fits');
select is(pg_temp.choose('q', 9), 'ids {1,3} mine {2} back {5} again ', 'those of the pick''s queue that need no slot are for the pick');
select is(pg_temp.choose(null, 0, 2), 'ids {1,2} mine  back  again {r:a}', 'where all that was looked at fits there is more to look at');
select is((select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i), 'throttled throttled throttled throttled ready', 'it moves none of them itself');
select is((select count(*)::int from gendurable._choose_token_offers('{r:b}', null, 0, 100, now()) as o where o.ids is null and o.mine is null and o.back is null and o.again is null), 1, 'a key for which none waits');
select is((select string_agg(b.key || ' ' || coalesce(b.due_at::text, 'none'), ', ') from gendurable.buckets as b where b.key = 'r:b'), 'r:b none', 'has nothing due');

select * from finish();
rollback;
