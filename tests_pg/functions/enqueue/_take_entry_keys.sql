-- The correlation keys of a batch; its races are in tests_pg/races (enqueue_batches, enqueue_terminal, isolation).
begin;
select plan(6);

create function pg_temp.take(p_entries jsonb) returns text language sql as $$
    select string_agg(case when e.occupant is null then '-' when e.occupant = e.id then 'own' else e.occupant::text end,
        ' ' order by e.ord)
    from unnest(gendurable._take_entry_keys(gendurable._parse_entries((select jsonb_agg('{"fsm": "m"}' || e)
        from jsonb_array_elements(p_entries) as e)))) as e
$$;
select id as a from gd_enqueue('m', correlation_key => 'a') \gset
select is(pg_temp.take('[{"correlation_key": "b"}, {}, {"correlation_key": "a"}]'), 'own - ' || :a,
    'a free key is taken, of another one the occupant is answered');
select is((select string_agg(k.key, ' ' order by k.key) from gendurable.correlation_keys as k), 'a b', 'and no other');
select matches(pg_temp.take('[{"correlation_key": "c", "state": {"n": 1}}, {"correlation_key": "c"}]'), '^own [0-9]+$',
    'of two that name one key the first has it');
select is(pg_temp.take('[{"correlation_key": "d", "correlation_scope": ["executing"]}]'), '-',
    'one that does not occupy its key while it is runnable takes none');
select is(pg_temp.take('[{"correlation_key": "a", "correlation_scope": ["executing"]}]'), '-', 'and meets no occupant');
select is((select count(*) from gendurable.correlation_keys as k where k.key = 'd'), 0::bigint,
    'so that the key stays free');

select * from finish();
rollback;
