-- Consumption of signals by outcomes.
begin;
select plan(9);

insert into gendurable.signals (id, instance_id, sent_at, name, payload, presented)
select n, 100 + n % 3, now(), 'n', '{}', true from generate_series(1, 12) as n;
create function pg_temp.consume(p_id bigint, p_kind text, p_consumed text) returns void language sql as $$
    select gendurable._consume(gendurable._parse_outcomes(jsonb_build_array(
        jsonb_build_object('id', p_id, 'fence', 1, 'kind', p_kind, 'step', 's', 'names', '["n"]'::jsonb, 'consumed', p_consumed::jsonb))), p_kind)
$$;
create function pg_temp.signals(p_id bigint) returns text language sql as $$
    select string_agg(s.id || case when s.presented then 'p' else '' end, ' ' order by s.id) from gendurable.signals as s where s.instance_id = p_id
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

select * from finish();
rollback;
