-- Adds to what a registered worker declares (info.machines of gd_register). What it has said of a
-- machine and version before stays. A worker that declared nothing can run everything, and stays
-- so.
--
-- declare x reap: the reaper has the worker's row FOR UPDATE and deletes its machines with it. The
-- row is locked here, so none is added behind that. A pick or a heartbeat does not wait.
-- Locks:  the worker's row, shared.
-- Writes: machines, versions, doorbells.
-- Plan:   workers_pkey; as gendurable._declare.
-- Errors: GD010 the worker is gone; GD002 machines that are no list of machines.
create function public.gd_declare(worker bigint, machines jsonb) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_declares boolean;
begin
    if gendurable._is_open('public.gd_declare(bigint,jsonb)') then
        perform gendurable._refuse_open();
    end if;
    perform gendurable._check_machines(coalesce(gd_declare.machines, 'null'));
    select w.declares into v_declares
    from gendurable.workers as w
    where w.id = gd_declare.worker
    for key share;
    if not found then
        perform gendurable._refuse_worker(gd_declare.worker);
    elsif v_declares then
        perform gendurable._declare(gd_declare.worker, gd_declare.machines);
        perform gendurable._ring_rates();
    end if;
end
$$;
comment on function public.gd_declare(bigint, jsonb)
    is 'Adds machines to those that a worker declares that it can run.';
