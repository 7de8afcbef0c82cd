-- Where an instance stands that becomes ready.
begin;
\ir prelude.psql
select plan(8);
create function pg_temp.stands(minute float8, fence float8, since float8 default 100, current boolean default true,
    id bigint default 1) returns text language sql as $$
    select case l when pg_temp.lane() then 'line' when pg_temp.lane(5) then 'run' else l::text end
    from gendurable._lane(7, 0, pg_temp.at(minute), id,
        row(pg_temp.at(since), 5, pg_temp.at(fence), current)::gendurable.entrance) as l
$$;
select is(pg_temp.stands(10, 5), 'line', 'above the fence in the line');
select is(pg_temp.stands(10, 10), 'line', 'below it too, where there is no cap');
select pg_temp.store(pg_temp.trail(array[pg_temp.line(0, 1, 5, 10)])) \g /dev/null
select is(pg_temp.stands(9, 50), 'run', 'below its cap in the run');
select is(pg_temp.stands(11, 50), 'line', 'above its cap in the line');
select is(pg_temp.stands(10, 50, id => 0), 'line', 'at its cap in the line');
select is(pg_temp.stands(11, 50, current => false), 'run', 'a writer that cannot know the cap chooses the run');
select is(pg_temp.stands(51, 50, current => false), 'line', 'but not above the fence');
select is(pg_temp.stands(101, 50), 'run', 'later than the beginning of the transaction in the run, whatever the fence');
select * from finish();
rollback;
