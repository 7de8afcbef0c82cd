-- The progress of an earlier life is deleted.
begin;
select plan(1);
insert into gendurable.reports (instance_id, at, fence, progress) select i, now() + n * interval '1 s', 1,
    '1' from generate_series(1, 4) as i, generate_series(1, 3) as n;
select gendurable._forget_reports('{1,3}') \g /dev/null
select is((select string_agg(r.instance_id::text, ' ' order by r.instance_id) from gendurable.reports as r),
    '2 2 2 4 4 4', 'of these instances');

select * from finish();
rollback;
