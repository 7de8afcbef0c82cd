-- The archive's partitions that are over.
begin;
select plan(5);
-- From the start, or the function is compiled without it: a backslash in a literal may be an escape.
set local standard_conforming_strings = off;

do $$
begin
    for n in 1 .. 3 loop
        execute format('create table gendurable.d%1$s (like gendurable.finished); alter table gendurable.finished '
            'attach partition gendurable.d%1$s for values from (%2$L) to (%3$L)',
                       n, '2020-01-01 00:00+00'::timestamptz + n * interval '1 day',
                       '2020-01-02 00:00+00'::timestamptz + n * interval '1 day');
    end loop;
end
$$;
select is(gendurable._old_partitions('2020-01-02 23:59+00'), '{}', 'none ends before');
select is(gendurable._old_partitions('2020-01-04 00:00+00'), '{gendurable.d1,gendurable.d2}',
    'those that end at the cut-off or before, oldest first');
set local time zone 'Asia/Kathmandu';
select is(gendurable._old_partitions('2020-01-04 00:00+00'), '{gendurable.d1,gendurable.d2}', 'in whatever time zone');
set local time zone 'Asia/Kolkata';
set local datestyle = 'SQL, DMY';
select is(gendurable._old_partitions('2020-01-04 00:00+00'), '{gendurable.d1,gendurable.d2}',
    'in whatever date style: IST is another zone''s abbreviation to PostgreSQL');
select is(gendurable._old_partitions('2030-01-01'), '{gendurable.d1,gendurable.d2,gendurable.d3}',
    'the default one is never old');

select * from finish();
rollback;
