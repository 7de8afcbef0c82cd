-- What a pick was given tokens for and finds no slot for keeps the offer; the whole story is tested with _offer_tokens.
begin;
select plan(2);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, rate_limit)
select n, now(), now(), now(), 'throttled', 's', '{}', 0, 1, 'm', 'q', 'r' from generate_series(1, 3) as n;
select gendurable._keep_offers('{1,3}') \g /dev/null
select is((select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i), 'ready throttled ready',
    'it is ready');
select is_empty('select * from gendurable.doorbells', 'and nothing is rung for: the pick has looked at the line');

select * from finish();
rollback;
