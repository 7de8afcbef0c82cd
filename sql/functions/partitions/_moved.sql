-- The next rows of a partition that have left and wait to be taken over, of one move.
--
-- Plan: moved_pkey.
create function gendurable._moved(p_partition int, p_most int default 5000)
returns table (move uuid, first bigint, last bigint, entries jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select m.move, min(m.id), max(m.id),
           jsonb_agg(jsonb_build_object('relation', m.relation, 'content', m.content)
                     order by m.id)
    from (select x.* from gendurable.moved as x
          where x.partition = p_partition
            and x.move = (select y.move from gendurable.moved as y
                          where y.partition = p_partition order by y.id limit 1)
          order by x.id limit p_most) as m
    group by m.move;
$$;
comment on function gendurable._moved(int, int) is
    'The next rows of a partition that wait to be taken over by another database.';
