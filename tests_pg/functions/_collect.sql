-- Collection of old finished instances; what goes and what stays is tested with gd_gc.
begin;
select plan(4);

create table gendurable.day (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.day for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00');
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step, queue, state)
select n, now(), '2020-01-01 00:00+00'::timestamptz + n * interval '6 hours', 1, 0, 0, 1, false, 'm', 's', 'q', '{}' from generate_series(0, 6) as n;
select is(gendurable._collect('2020-01-01 12:00+00', 100), 2, 'row by row, as far as the cut-off is within a partition');
select is(gendurable._collect('2020-01-02 06:00+00', 1), 2, 'a batch of rows, and what is left in partitions that ended before the cut-off');
select is(to_regclass('gendurable.day'), null, 'such a partition goes');
select is((select string_agg(id::text, ' ' order by id) from gendurable.finished), '4 5 6', 'the rest of the batch and what finished at the cut-off or later stays');

select * from finish();
rollback;
