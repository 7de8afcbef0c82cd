-- Which signals a pick marks as presented.
begin;
select plan(5);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, awaits, signalled, inbox)
select n, now(), now(), now(), 'ready', 's', '{}', 0, 1, 'm', 'q', '{a,b}', true, n from generate_series(1, 3) as n;
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload) select gendurable._inbox_key(n, n), n,
    now(), s, '{}' from generate_series(1, 3) as n cross join unnest('{a,b,c}'::text[]) as s;
create function pg_temp.presented() returns text language sql as $$
    select string_agg(s.instance_id || s.name, ' ' order by s.instance_id, s.name) from gendurable.signals as s
        where s.presented is not null $$;
select gendurable._mark_presented('{1,2}', '{1,3}') \g /dev/null
select is(pg_temp.presented(), '1a 1b', 'those of the awaited names, of instances that are claimed and handed them');
select ctid as place from gendurable.signals where instance_id = 1 and name = 'a' \gset
select gendurable._mark_presented('{1,2,3}', '{1,3}') \g /dev/null
select is(pg_temp.presented(), '1a 1b 3a 3b', 'also of one that is claimed later');
select is((select ctid from gendurable.signals where instance_id = 1 and name = 'a'), :'place',
    'what is marked already is not written again');

-- By the number of the park.
update gendurable.instances set parks = 7 where id = 1;
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload)
    values (gendurable._inbox_key(1, 1), 1, now(), 'a', '{}');
select gendurable._mark_presented('{1}', '{1}') \g /dev/null
select is((select max(presented) from gendurable.signals where instance_id = 1), 7,
    'what is new is marked with the park that it follows');
select is((select count(*) from gendurable.signals where instance_id = 1 and presented = 0), 2::bigint,
    'what is marked keeps its mark');

select * from finish();
rollback;
