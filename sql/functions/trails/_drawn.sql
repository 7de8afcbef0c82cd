-- Of claims those of the kinds whose trails it is time to move, drawn by lot. A pick of n claims
-- asks with a chance of n in three hundred.
--
-- Of a kind a pick reads what was claimed since its trail has moved, however few it claims now; to
-- move the trail costs the same each time. The sum is least where the number of picks between two
-- moves falls with the root of the claims: five picks of a hundred, sixteen of ten.
-- Locks: none. Writes: nothing. Plan: instances_pkey.
create function gendurable._drawn(p_ids bigint[]) returns bigint[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
    c_called constant float8 := least(cardinality(p_ids) / 300.0, 1)::float8;
begin
    return (
        select array_agg(c.id)
        from (select k.ids
              from (select array_agg(i.id) as ids from gendurable.instances as i
                    where i.id = any (p_ids)
                    group by i.lane >> 40) as k
              where random() < sqrt(cardinality(k.ids)) / 50 / c_called) as d
        cross join lateral unnest(d.ids) as c (id));
end
$$;
comment on function gendurable._drawn(bigint[])
    is 'Of claims those of the kinds whose trails it is time to move.';
