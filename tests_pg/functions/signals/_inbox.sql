-- An inbox as JSON.
begin;
select plan(3);

select id as a from gd_enqueue('m') \gset
select is(gendurable._inbox(:a), '[]'::jsonb, 'an empty inbox is an empty array');
insert into gendurable.signals (id, instance_id, sent_at, name, payload, presented) values
    (3, :a, '2026-01-01 00:00+00', 'third', '3', false), (1, :a, '2026-01-02 00:00+00', 'first', '1', true), (2, -1, '2026-01-01 00:00+00', 'foreign', '2', false);
select is(gendurable._inbox(:a) #- '{0,sent_at}' #- '{1,sent_at}', '[{"id": 1, "name": "first", "payload": 1}, {"id": 3, "name": "third", "payload": 3}]'::jsonb,
    'the signals of one instance by arrival, presented or not');
select is((gendurable._inbox(:a) #>> '{0,sent_at}')::timestamptz, '2026-01-02 00:00+00'::timestamptz, 'with the time they were sent');

select * from finish();
rollback;
