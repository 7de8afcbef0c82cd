-- The floors rise to the first bucket, as far as all transactions respect a cap. (Races: r/ bucket_floors.)
select plan(9);

create function pg_temp.moves(p_times int default 1) returns void language plpgsql as $$
begin
    for v_n in 1 .. p_times loop
        perform gendurable._move_limit_trail();
    end loop;
end
$$;
create function pg_temp.trail() returns gendurable.limit_trails language sql as $$
    select t from gendurable.limit_trails as t order by t.seq desc limit 1 $$;
select pg_temp.moves(2) \g /dev/null
select is((select count(*)::int from gendurable.limit_trails), 1,
    'a transaction moves the trail once: no other one has seen its cap');
select is((pg_temp.trail()).due_floor, '-infinity', 'the floors are where they were');
select pg_temp.moves() \g /dev/null
select is((pg_temp.trail()).due_floor, '-infinity', 'the first cap has to be known to all');
select pg_temp.moves() \g /dev/null
select is((select count(*)::int from gendurable.limit_trails), 1, 'the newest trail replaces the one before');
select is((pg_temp.trail()).due_floor > now() - interval '1 minute'
    and (pg_temp.trail()).full_floor > now() - interval '1 minute', true, 'then the floors rise to it');
insert into gendurable.buckets (key, tokens, refilled_at, due_at, full_at)
    values ('d', 0, now(), clock_timestamp(), now()), ('f', 0, now(), null, clock_timestamp());
select pg_temp.moves() \g /dev/null
select pg_temp.moves() \g /dev/null
select pg_temp.moves() \g /dev/null
select is((pg_temp.trail()).due_floor, (select due_at from gendurable.buckets where key = 'd'),
    'or to the first bucket that is due');
select is((pg_temp.trail()).full_floor, (select full_at from gendurable.buckets where key = 'f'), 'or is full');
update gendurable.limit_trails set xid = '0';
select pg_temp.moves() \g /dev/null
select is((pg_temp.trail()).due_floor, '-infinity', 'a trail that was copied from elsewhere is void');
select is((pg_temp.trail()).seq, (select max(seq) from gendurable.limit_trails), 'and the new one is the newest');

select * from finish();
