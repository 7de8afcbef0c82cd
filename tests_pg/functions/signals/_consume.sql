-- Consumption of signals by outcomes.
begin;
select plan(18);
select setseed(0.5) \g /dev/null    -- chance decides whether a signal that is consumed renews its inbox

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, signalled, inbox)
overriding system value
select n, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', true, n from generate_series(100, 104) as n;
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload, presented)
select n, gendurable._inbox_key(100 + n % 3, 100 + n % 3), 100 + n % 3, now(), 'n', '{}',
    1 from generate_series(1, 12) as n;
create function pg_temp.consume(p_id bigint, p_kind text, p_consumed text) returns void language sql as $$
    select gendurable._consume(gendurable._parse_outcomes(jsonb_build_array(
        jsonb_build_object('id', p_id, 'fence', 1, 'kind', p_kind, 'step', 's', 'names', '["n"]'::jsonb, 'consumed',
            p_consumed::jsonb))), p_kind)
$$;
create function pg_temp.signals(p_id bigint) returns text language sql as $$
    select string_agg(s.id || case when s.presented is not null then 'p' else '' end, ' ' order by s.id)
        from gendurable.signals as s where s.instance_id = p_id
$$;
select lives_ok($$ select gendurable._consume(
    gendurable._parse_outcomes('[{"id": 100, "fence": 1, "kind": "schedule_children", "consumed": [3]}]'), 'next') $$,
    'another kind');
select is(pg_temp.signals(100), '3p 6p 9p 12p', 'what is not of the kind consumes nothing yet');
select lives_ok($$ select pg_temp.consume(100, 'next', '[3, 9, 1, 999]') $$, 'next');
select is(pg_temp.signals(100), '6 12', 'next deletes what it consumed, and the rest counts as not presented');
select is(pg_temp.signals(101), '1p 4p 7p 10p', 'what belongs to another instance is left alone');
select lives_ok($$ select pg_temp.consume(101, 'schedule_children', '[]') $$, 'schedule_children');
select is(pg_temp.signals(101), '1 4 7 10', 'schedule_children forgets what was presented too');
select lives_ok($$ select pg_temp.consume(102, 'next', null) $$, 'next that names nothing');
select is(pg_temp.signals(102), '2 5 8 11', 'consumed may be absent');

-- Await and retry delete, and forget nothing.
update gendurable.signals set presented = 1 where instance_id = 102;
select lives_ok($$ select pg_temp.consume(102, 'await', '[2, 1]') $$, 'await');
select is(pg_temp.signals(102), '5p 8p 11p',
    'await deletes what it consumed, of its own inbox, and the rest counts as presented');
select lives_ok($$ select pg_temp.consume(102, 'retry', '[5]') $$, 'retry');
select is(pg_temp.signals(102), '8p 11p', 'and so does retry');

-- An inbox of which much was consumed is renewed, and only that one.
create function pg_temp.inbox(p_id bigint) returns text language sql as $$
    select concat_ws(' ', i.inbox, count(s.id),
        count(s.id) filter (where s.inbox = gendurable._inbox_key(i.id, i.inbox)))
    from gendurable.instances as i left join gendurable.signals as s on s.instance_id = i.id where i.id = p_id
        group by i.id
$$;
select pg_temp.consume(102, 'retry', '[8]') from generate_series(1, 200) \g /dev/null
select is(pg_temp.inbox(102), '102 1 1', 'what is not there was not consumed');
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload) select 1000 + n,
    gendurable._inbox_key(m, m), m, now(), 'n', '{}' from generate_series(1, 164) as n, generate_series(103, 104) as m;
select pg_temp.consume(103, 'retry', (select jsonb_agg(1000 + n) from generate_series(1, 64) as n)::text) \g /dev/null
select is(pg_temp.signals(104), (select string_agg((1000 + n)::text, ' ' order by n) from generate_series(1, 164) as n),
    'the signals of another instance with the same ids are left alone');
select pg_temp.consume(104, 'retry', (select jsonb_agg(1000 + n) from generate_series(1, 164) as n)::text) \g /dev/null
select is(pg_temp.inbox(104), '105 0 0', 'an inbox of which all was consumed that it held is renewed');
select is(split_part(pg_temp.inbox(103), ' ', 2), '100', 'one is left with what was not consumed');
select is(split_part(pg_temp.inbox(103), ' ', 3), '100', 'all of it in its inbox, renewed or not');

select * from finish();
rollback;
