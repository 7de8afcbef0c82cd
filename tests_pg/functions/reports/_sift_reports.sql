-- Reported progress that no view shows is deleted.
begin;
select plan(6);
select id as a from gd_enqueue('a') \gset
select id as b from gd_enqueue('b') \gset
create function pg_temp.told() returns text language sql as $$
    select string_agg(r.progress::text, ' ' order by r.instance_id, r.at) from gendurable.reports as r $$;
insert into gendurable.reports (instance_id, at, fence, progress) values (:a, now(), 1, '1'),
    (:a, now() + interval '2 s', 1, '3'), (:a, now() + interval '1 s', 1, '2'), (:b, now(), 1, '4'), (0, now(), 1, '5'),
    (0, now() + interval '1 s', 1, '6');
select is(gendurable._sift_reports(), false, 'it is soon looked through');
select is(pg_temp.told(), '3 4', 'the latest of each live instance stays');
select gd_cancel(:a) \g /dev/null
select gendurable._sift_reports() \g /dev/null
select is(pg_temp.told(), '4', 'until it is terminal');

insert into gendurable.reports (instance_id, at, fence, progress) select :b, now() + n * interval '1 s', 1,
    to_jsonb(n) from generate_series(1, 100000) as n;
select is(gendurable._sift_reports(), true, 'a call does a part of many, and says that some are left');
select ok((select p.position::int between 1 and pg_relation_size('gendurable.reports') / 8192
    from gendurable.progress as p where p.task = 'gendurable.reports'), 'it notes where it stopped');
do $$ begin while gendurable._sift_reports() loop null; end loop; end $$;
select is(pg_temp.told(), '100000', 'the calls after it go on there');

select * from finish();
rollback;
