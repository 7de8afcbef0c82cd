-- Offers of tokens, given and taken back; which instances get them is tested with _offer_tokens.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, rate_limit, concurrency_key)
select v.id, now(), now(), now(), v.phase::gendurable.phase, 's', '{}', 0, 1, 'm', 'q', 'r', v.key
from (values (1, 'throttled', null), (2, 'throttled', 'k'), (3, 'ready', null), (4, 'ready', 'l')) as v (id, phase,
    key);
create function pg_temp.phases() returns text language sql as $$
    select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i $$;
create function pg_temp.rung() returns text language sql as $$
    select string_agg(d.key, ' ' order by d.key) from gendurable.doorbells as d $$;
select gendurable._move_offers(null, null) \g /dev/null
select is(pg_temp.rung(), null, 'nothing to offer, no key to ring for');
select gendurable._move_offers('{1,2}', null) \g /dev/null
select is(pg_temp.phases(), 'ready held ready ready', 'one that has tokens is ready, or waits for a slot');
select is(pg_temp.rung(), 'k r', 'which is rung for, as is the line that it has left');
select gendurable._move_offers(null, '{3,4}') \g /dev/null
select is(pg_temp.phases(), 'ready held throttled throttled', 'one that loses them waits for tokens');
select is(pg_temp.rung(), 'k l r', 'and the slot that it was offered is for others');

select * from finish();
rollback;
