-- An inbox as JSON.
begin;
select plan(7);

select id as a, gendurable._inbox_key(id, 0) as box from gd_enqueue('m') \gset
select is(gendurable._inbox(:box), '[]'::jsonb, 'an empty inbox is an empty array');
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload, presented) values
    (3, :box, :a, '2026-01-01 00:00+00', 'third', '3', null), (1, :box, :a, '2026-01-02 00:00+00', 'first', '1', 1),
    (2, :box + 1, :a, '2026-01-01 00:00+00', 'foreign', '2', null);
select is(gendurable._inbox(:box) #- '{0,sent_at}' #- '{1,sent_at}',
    '[{"id": 1, "name": "first", "payload": 1}, {"id": 3, "name": "third", "payload": 3}]'::jsonb,
    'the signals of one inbox by arrival, presented or not');
select is((gendurable._inbox(:box) #>> '{0,sent_at}')::timestamptz, '2026-01-02 00:00+00'::timestamptz,
    'with the time they were sent');
update gendurable.signals set presented = 2 where name = 'third';
select is((select string_agg(concat_ws(' ', s ->> 'name', s ->> 'seen'), ', ')
    from jsonb_array_elements(gendurable._inbox(:box, null, 2)) as s), 'first true, third',
    'what was handed out after an earlier park is said to be seen');

-- What is too large for an answer.
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload) select n, -7, -7, now(),
    case when n % 2 = 0 then 'even' else 'odd' end, to_jsonb(repeat('x', 28000000)) from generate_series(1, 10) as n;
create function pg_temp.listed(p_names text[]) returns text language sql as $$
    select string_agg(concat_ws(':', s ->> 'id', s ->> 'omitted', length(s ->> 'payload')), ' ')
        from jsonb_array_elements(gendurable._inbox(-7, p_names)) as s
$$;
select is(pg_temp.listed(null), '1:28000000 2:28000000 3:true 4:true 5:true 6:true 7:true 8:true 9:true 10:true',
    'beyond 64 MB signals are listed without their payload');
select is(pg_temp.listed('{even}'), '2:28000000 4:28000000 6:true 8:true 10:true', 'of those asked for');
delete from gendurable.signals where instance_id = -7 and id < 5;
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload)
    values (1, -7, -7, now(), 'large', to_jsonb(repeat('x', 68000000)));
select is((select array_agg(k order by k)::text from jsonb_object_keys(gendurable._inbox(-7, '{large}') -> 0) as k),
    '{id,name,omitted,sent_at}', 'even a single one, with all that is left');

select * from finish();
rollback;
