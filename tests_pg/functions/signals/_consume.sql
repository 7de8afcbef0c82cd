-- Consumption of signals by outcomes.
begin;
select plan(13);

insert into gendurable.signals (id, instance_id, sent_at, name, payload, presented)
select n, 100 + n % 3, now(), 'n', '{}', 1 from generate_series(1, 12) as n;
create function pg_temp.consume(p_id bigint, p_kind text, p_consumed text) returns void language sql as $$
    select gendurable._consume(gendurable._parse_outcomes(jsonb_build_array(
        jsonb_build_object('id', p_id, 'fence', 1, 'kind', p_kind, 'step', 's', 'names', '["n"]'::jsonb, 'consumed', p_consumed::jsonb))), p_kind)
$$;
create function pg_temp.signals(p_id bigint) returns text language sql as $$
    select string_agg(s.id || case when s.presented is not null then 'p' else '' end, ' ' order by s.id) from gendurable.signals as s where s.instance_id = p_id
$$;
select lives_ok($$ select gendurable._consume(gendurable._parse_outcomes('[{"id": 100, "fence": 1, "kind": "schedule_children", "consumed": [3]}]'), 'next') $$, 'another kind');
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
select is(pg_temp.signals(102), '5p 8p 11p', 'await deletes what it consumed, of its own inbox, and the rest counts as presented');
select lives_ok($$ select pg_temp.consume(102, 'retry', '[5]') $$, 'retry');
select is(pg_temp.signals(102), '8p 11p', 'and so does retry');

select * from finish();
rollback;
