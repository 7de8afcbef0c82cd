-- The archive's partitions and their windows.
begin;
select plan(3);

create table gendurable.late (like gendurable.finished); create table gendurable.early (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.late for values
    from ('2020-01-03 00:00+00') to ('2020-01-05 00:00+00');
alter table gendurable.finished attach partition gendurable.early for values
    from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00');
prepare windows as select w.partition::text, w.lower, w.upper from gendurable._windows() as w;
prepare expected as values ('gendurable.early', '2020-01-01 00:00+00'::timestamptz, '2020-01-02 00:00+00'::timestamptz),
    ('gendurable.late', '2020-01-03 00:00+00', '2020-01-05 00:00+00');
select results_eq('windows', 'expected', 'in order, without the default one');
set local time zone 'Asia/Kolkata';
set local datestyle = 'SQL, DMY';
set local standard_conforming_strings = off;
select results_eq('windows', 'expected', 'in whatever time zone and date style');
drop table gendurable.late, gendurable.early;
select is_empty('windows', 'none');

select * from finish();
rollback;
